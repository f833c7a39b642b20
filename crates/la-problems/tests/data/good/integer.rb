TEST MATRIX                                                             KEY     
             3             1             1             1
iua                        2             2             3             0
(26I3)          (26I3)          (16I5)              
  1  3  4
  1  2  2
    7   -8    9
