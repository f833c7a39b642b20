t                                                                       KEY     
             3             1             1             1             0
RUA                        2             2             3             0
(16I5)          (16I5)          (3E16.8)            
    1    3    4
    1    2    2
             NaN             NaN             NaN
